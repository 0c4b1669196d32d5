-- cost_is_known(g, p_request_id) -> boolean      called by: receive_provider_result
-- Whether the settle of a generation that has ended already counted what this request cost: it does when there was a result to look at.
create or replace function private.cost_is_known(g public.generations, p_request_id text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return g.status = 'succeeded' and g.provider_request_id is not distinct from p_request_id
    or g.error_code = 'provider_bad_answer';
end
$$;

revoke all on function private.cost_is_known(public.generations, text) from public, anon, authenticated, service_role;
