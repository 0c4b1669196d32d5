-- refuse_unknown_generation(p_generation_id) -> void, never returns      called by: operations that name a generation
-- Refuses: generation_not_found 404
create or replace function private.refuse_unknown_generation(p_generation_id uuid)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  raise exception using errcode = 'PT404', message = 'generation_not_found',
    detail = jsonb_build_object('generation_id', p_generation_id)::text, hint = 'There is no such generation.';
end
$$;

revoke all on function private.refuse_unknown_generation(uuid) from public, anon, authenticated, service_role;
