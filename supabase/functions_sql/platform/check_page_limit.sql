-- check_page_limit(p_limit) -> void      called by: list operations
-- Refuses: invalid_params 422
create or replace function private.check_page_limit(p_limit integer)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_limit is null or p_limit not between 1 and 200 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "limit"}',
      hint = 'limit is a whole number from 1 to 200.';
  end if;
end
$$;

revoke all on function private.check_page_limit(integer) from public, anon, authenticated, service_role;
