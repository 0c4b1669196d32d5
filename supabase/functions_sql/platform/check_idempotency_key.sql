-- check_idempotency_key(p_key) -> void      called by: every operation with an idempotency key
-- Refuses: invalid_params 422
create or replace function private.check_idempotency_key(p_key text)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_key is null or char_length(p_key) not between 1 and 255 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "idempotency_key"}',
      hint = 'Send an idempotency key of 1 to 255 characters.';
  end if;
end
$$;

revoke all on function private.check_idempotency_key(text) from public, anon, authenticated, service_role;
