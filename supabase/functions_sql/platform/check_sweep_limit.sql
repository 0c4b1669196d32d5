-- check_sweep_limit(p_limit) -> void      called by: sweeps and list_dispatchable
-- Refuses: invalid_params 422
create or replace function private.check_sweep_limit(p_limit integer)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_limit is null or p_limit not between 1 and 10000 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "limit"}',
      hint = 'limit is a whole number from 1 to 10000.';
  end if;
end
$$;

revoke all on function private.check_sweep_limit(integer) from public, anon, authenticated, service_role;
