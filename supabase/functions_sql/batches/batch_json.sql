-- batch_json(b, p_after, p_limit) -> jsonb      called by: user operations on one batch
-- The summary and a page of its items, {data: [{index, generation_id, status, waiting, attempt, outputs, error}], has_more}: those after index p_after.
create or replace function private.batch_json(b public.batches, p_after integer default null, p_limit integer default 100)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_rows jsonb;
begin
  select coalesce(jsonb_agg(jsonb_build_object(
      'index', g.batch_index, 'generation_id', g.id, 'status', g.status, 'waiting', coalesce(g.dispatch_at = 'infinity', false),
      'attempt', g.attempt, 'outputs', g.outputs, 'error', case when g.error_code is not null and g.status in ('failed', 'canceled')
        then jsonb_build_object('code', g.error_code, 'message', g.error_message) end) order by g.batch_index), '[]') into v_rows
  from (
    select * from private.last_tries(b.id) x
    where x.batch_index > coalesce(p_after, -1)
    order by x.batch_index limit p_limit + 1
  ) g;
  return private.batch_summary(b) || jsonb_build_object('items', private.page(v_rows, p_limit));
end
$$;

revoke all on function private.batch_json(public.batches, integer, integer) from public, anon, authenticated, service_role;
