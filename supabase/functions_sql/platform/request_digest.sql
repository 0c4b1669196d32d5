-- request_digest(p_operation, p_request) -> bytea      called by: every operation with an idempotency key
-- Tells a repeat of a request from another request under the same key.
create or replace function private.request_digest(p_operation text, p_request jsonb)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
begin
  return sha256(convert_to(jsonb_build_array(p_operation, p_request)::text, 'UTF8'));
end
$$;

revoke all on function private.request_digest(text, jsonb) from public, anon, authenticated, service_role;
