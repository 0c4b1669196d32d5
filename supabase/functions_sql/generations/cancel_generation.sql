-- cancel_generation(p_generation_id) -> jsonb      called by: backend/rpc/generations.py as the user
-- Queued: canceled, and the credits are back. Running: the worker is asked to stop; if it finishes first, the result stands and is charged.
-- Cancelling what is canceled is the same outcome.
-- Refuses, first match wins: unauthenticated 401 · generation_not_found 404 · invalid_state 409 (succeeded or failed)
create or replace function private.cancel_generation(p_generation_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  g public.generations;
begin
  select * into g from public.generations x where x.id = p_generation_id and x.user_id = v_user_id for no key update;
  if not found then
    perform private.refuse_unknown_generation(p_generation_id);
  end if;
  if g.status in ('succeeded', 'failed') then
    raise exception using errcode = 'PT409', message = 'invalid_state', detail = jsonb_build_object('status', g.status)::text,
      hint = format('This generation has already %s.', g.status);
  end if;
  if g.status = 'queued' then
    g := private.end_generation(g, 'canceled', 'canceled', 'Canceled before it started.');
    perform private.promote_waiting(g.user_id, private.clock());
  elsif g.status = 'running' then
    update public.generations x set cancel_requested = true where x.id = g.id returning * into g;
  end if;
  return private.generation_json(g);
end
$$;

create or replace function public.cancel_generation(p_generation_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.cancel_generation(p_generation_id);
end
$$;

revoke all on function private.cancel_generation(uuid), public.cancel_generation(uuid) from public, anon, authenticated, service_role;
grant execute on function private.cancel_generation(uuid), public.cancel_generation(uuid) to authenticated;
