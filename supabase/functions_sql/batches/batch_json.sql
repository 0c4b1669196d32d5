-- batch_json(b, p_after, p_limit) -> jsonb      called by: user operations on batches
-- A batch as its owner sees it. counts: each item once, by the status of its last generation; with `refused` they sum to size.
-- credits: reserved by those, and charged. items: {data: [{index, generation_id, status, waiting, attempt, outputs, error}], has_more}, a page of
-- those after index p_after; p_limit null: without items.
create or replace function private.batch_json(b public.batches, p_after integer default null, p_limit integer default 100)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_open boolean;
  v_counts jsonb;
  v_credits jsonb;
  v_rows jsonb;
  v_batch jsonb;
begin
  with tried as materialized ( -- as last_tries, which hands on whole rows: a tenth of what a page costs
    select distinct on (g.batch_index) g.batch_index, g.id, g.status, g.dispatch_at, g.attempt, g.outputs, g.error_code, g.error_message, g.credits_reserved,
      g.credits_charged
    from public.generations g
    where g.batch_id = b.id
    order by g.batch_index, g.batch_round desc
  )
  select count(*) filter (where t.status in ('queued', 'running')) > 0,
    jsonb_build_object(
      'queued', count(*) filter (where t.status = 'queued'), 'running', count(*) filter (where t.status = 'running'),
      'succeeded', count(*) filter (where t.status = 'succeeded'), 'failed', count(*) filter (where t.status = 'failed'),
      'canceled', count(*) filter (where t.status = 'canceled'), 'refused', jsonb_array_length(b.refused)),
    jsonb_build_object('reserved', coalesce(sum(t.credits_reserved), 0), 'charged', coalesce(sum(t.credits_charged), 0)),
    case when p_limit is not null then (
      select coalesce(jsonb_agg(jsonb_build_object(
        'index', i.batch_index, 'generation_id', i.id, 'status', i.status, 'waiting', coalesce(i.dispatch_at = 'infinity', false),
        'attempt', i.attempt, 'outputs', i.outputs, 'error', case when i.error_code is not null and i.status in ('failed', 'canceled')
          then jsonb_build_object('code', i.error_code, 'message', i.error_message) end) order by i.batch_index), '[]')
      from (select * from tried x where x.batch_index > coalesce(p_after, -1) order by x.batch_index limit p_limit + 1) i) end
  into v_open, v_counts, v_credits, v_rows
  from tried t;
  v_batch := jsonb_build_object(
    'id', b.id, 'status', case when v_open then 'open' else 'finished' end,
    'size', b.size, 'partial', b.partial, 'counts', v_counts, 'credits', v_credits, 'refused', b.refused, 'retries', b.rounds,
    'archive', case when b.archive_status is not null then jsonb_build_object(
      'status', b.archive_status, 'path', case when b.archive_status = 'ready' then b.archive_path end, 'items', b.archive_items,
      'bytes', b.archive_bytes, 'error', b.archive_error, 'asked_at', private.rfc3339(b.archive_asked_at)) end,
    'created_at', private.rfc3339(b.created_at), 'items', private.page(v_rows, p_limit));
  return case when p_limit is null then v_batch - 'items' else v_batch end;
end
$$;

revoke all on function private.batch_json(public.batches, integer, integer) from public, anon, authenticated, service_role;
