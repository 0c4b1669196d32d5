-- check_reason(p_reason) -> void      called by: acts of admins that need a reason
-- Refuses: invalid_params 422
create or replace function private.check_reason(p_reason text)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_reason is null or char_length(btrim(p_reason)) = 0 or char_length(p_reason) > 500 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "reason"}',
      hint = 'Say why, in at most 500 characters.';
  end if;
end
$$;

revoke all on function private.check_reason(text) from public, anon, authenticated, service_role;
