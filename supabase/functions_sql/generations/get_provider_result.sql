-- get_provider_result(p_provider, p_request_id) -> jsonb      called by: backend/rpc/provider_results.py as service_role
-- {status, payload} as the provider told it by webhook; null when it has not, or when the payload was too large to keep.
create or replace function public.get_provider_result(p_provider text, p_request_id text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object('status', x.status, 'payload', x.payload) from private.provider_results x
    where x.provider = p_provider and x.request_id = p_request_id and x.payload is not null);
end
$$;

revoke all on function public.get_provider_result(text, text) from public, anon, authenticated, service_role;
grant execute on function public.get_provider_result(text, text) to service_role;
