-- check_ttl(p_ttl_seconds) -> void      called by: reserve_credits, renew_reservation
-- Refuses: invalid_params 422
create or replace function private.check_ttl(p_ttl_seconds integer)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_ttl_seconds is null or p_ttl_seconds not between 1 and 604800 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "ttl_seconds"}',
      hint = 'A hold lasts from 1 second to 7 days (604800 seconds).';
  end if;
end
$$;

revoke all on function private.check_ttl(integer) from public, anon, authenticated, service_role;
