-- batch_summary(b) -> jsonb      called by: batch_json, list_batches
-- A batch as its owner sees it, without its items. counts: each item once, by the status of its last generation; with `refused` they sum
-- to size. credits: reserved by those, and charged.
create or replace function private.batch_summary(b public.batches)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_counts jsonb;
  v_reserved bigint;
  v_charged bigint;
begin
  select jsonb_build_object(
      'queued', count(*) filter (where g.status = 'queued'), 'running', count(*) filter (where g.status = 'running'),
      'succeeded', count(*) filter (where g.status = 'succeeded'), 'failed', count(*) filter (where g.status = 'failed'),
      'canceled', count(*) filter (where g.status = 'canceled'), 'refused', jsonb_array_length(b.refused)),
    coalesce(sum(g.credits_reserved), 0), coalesce(sum(g.credits_charged), 0)
  into v_counts, v_reserved, v_charged
  from private.last_tries(b.id) g;
  return jsonb_build_object(
    'id', b.id, 'status', case when (v_counts ->> 'queued')::integer + (v_counts ->> 'running')::integer > 0 then 'open' else 'finished' end,
    'size', b.size, 'partial', b.partial, 'counts', v_counts,
    'credits', jsonb_build_object('reserved', v_reserved, 'charged', v_charged),
    'refused', b.refused, 'retries', b.rounds,
    'archive', case when b.archive_status is not null then jsonb_build_object(
      'status', b.archive_status, 'path', case when b.archive_status = 'ready' then b.archive_path end, 'items', b.archive_items,
      'bytes', b.archive_bytes, 'error', b.archive_error, 'asked_at', private.rfc3339(b.archive_asked_at)) end,
    'created_at', private.rfc3339(b.created_at));
end
$$;

revoke all on function private.batch_summary(public.batches) from public, anon, authenticated, service_role;
