-- check_attempt(g, p_attempt) -> void      called by: heartbeat, complete and fail
-- The fence: only the attempt that owns a running generation may touch it. Refuses: stale_attempt 409
create or replace function private.check_attempt(g public.generations, p_attempt integer)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if g.status <> 'running' or g.attempt is distinct from p_attempt then
    raise exception using errcode = 'PT409', message = 'stale_attempt',
      detail = jsonb_build_object('attempt', p_attempt, 'current_attempt', g.attempt, 'status', g.status)::text,
      hint = 'Another attempt owns this generation, or it has ended. Stop working on it; nothing was changed.';
  end if;
end
$$;

revoke all on function private.check_attempt(public.generations, integer) from public, anon, authenticated, service_role;
