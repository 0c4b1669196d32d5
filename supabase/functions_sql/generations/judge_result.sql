-- judge_result(g, p_request_id, p_attempt) -> text      called by: receive_provider_result
-- What a provider's request is to a generation (all null: there is none): expected, learned, surplus, late or unknown.
-- A retry does not go on with a request that the provider failed or spoilt; one that only took too long is worth having.
create or replace function private.judge_result(g public.generations, p_request_id text, p_attempt integer)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when g.id is null then 'unknown'
    when g.finished_at is not null and (g.provider_request_id is null or g.provider_request_id = p_request_id) then 'late'
    when g.provider_request_id = p_request_id then 'expected'
    when g.provider_request_id is null and g.attempt = p_attempt and (g.status = 'running'
      or coalesce(g.error_code, '') not like 'provider\_%' or g.error_code in ('provider_unavailable', 'provider_no_key', 'provider_timeout')) then 'learned'
    else 'surplus'
  end;
end
$$;

revoke all on function private.judge_result(public.generations, text, integer) from public, anon, authenticated, service_role;
