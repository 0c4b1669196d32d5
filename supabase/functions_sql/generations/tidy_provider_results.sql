-- tidy_provider_results(p_limit) -> jsonb      called by: backend/rpc/provider_results.py as service_role, from the scheduler
-- Forgets up to p_limit of what providers told more than 30 days ago of generations that have ended: {deleted}.
-- Nobody tells it again so late: a webhook's signature is good for minutes, and providers give up after hours.
-- Guarantees: what a generation that has not ended may still need stays. It costs in proportion to what it deletes.
-- Refuses: invalid_params 422
create or replace function public.tidy_provider_results(p_limit integer default 500)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_deleted bigint;
begin
  perform private.check_sweep_limit(p_limit);
  with old as (
    select r.provider, r.request_id
    from private.provider_results r left join public.generations g on g.id = r.generation_id
    where r.received_at < private.clock() - interval '30 days' and (g.id is null or g.finished_at is not null)
    order by r.received_at limit p_limit
    for update of r skip locked
  )
  delete from private.provider_results r using old where r.provider = old.provider and r.request_id = old.request_id;
  get diagnostics v_deleted = row_count;
  return jsonb_build_object('deleted', v_deleted);
end
$$;

revoke all on function public.tidy_provider_results(integer) from public, anon, authenticated, service_role;
grant execute on function public.tidy_provider_results(integer) to service_role;
