-- count_generations(p_after, p_until) -> bigint      called by: collect_metrics
-- Adds to metric_totals the generations that ended after p_after and up to p_until, and returns how many they are. preset_fallbacks:
-- presets that were missing, by the built-in that stood in; what has none is (unknown), for users make those keys up.
create or replace function private.count_generations(p_after timestamptz, p_until timestamptz)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_bounds constant numeric[] := '{1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, Infinity}';
  v_count bigint;
begin
  with ended as materialized (
    select g.*, extract(epoch from g.started_at - g.created_at) as waited, extract(epoch from g.finished_at - g.created_at) as took,
      jsonb_build_object('model', g.model_id) as model,
      jsonb_build_object('batch', case when g.batch_id is null then 'no' else 'yes' end) as batch
    from public.generations g where g.finished_at > p_after and g.finished_at <= p_until
  ), facts as (
    select f.name, f.labels, f.value
    from ended e cross join lateral (values
      ('generations', e.model || jsonb_build_object('outcome', e.status), 1),
      ('generation_failures', jsonb_build_object('code', e.error_code), case when e.status = 'failed' then 1 end),
      ('generation_attempts', e.model, e.attempt),
      ('credits_reserved', e.model, e.credits_reserved),
      ('credits_charged', e.model, e.credits_charged),
      ('credits_released', e.model, greatest(0, e.credits_reserved - e.credits_charged)),
      ('provider_cost_micros', e.model, e.cost_micros),
      ('queue_seconds_sum', e.batch, e.waited),
      ('result_seconds_sum', e.model, case when e.status = 'succeeded' then e.took end)) f(name, labels, value)
    union all
    select f.name, f.labels || jsonb_build_object('le', b.bound::text), (f.seconds <= b.bound)::integer
    from ended e cross join unnest(v_bounds) b(bound) cross join lateral (values
      ('queue_seconds_bucket', e.batch, e.waited),
      ('result_seconds_bucket', e.model, case when e.status = 'succeeded' then e.took end)) f(name, labels, seconds)
    union all
    select 'preset_fallbacks', jsonb_build_object('preset', coalesce(b.key, '(unknown)')), 1
    from ended e cross join jsonb_array_elements(e.presets) p left join private.builtin_prompts() b on b.key = p ->> 'key'
    where p -> 'version' = 'null' and p ->> 'left_out' is distinct from 'kind'
  ), added as (
    insert into private.metric_totals as m (name, labels, value)
    select f.name, f.labels, sum(f.value) from facts f where f.value is not null group by f.name, f.labels
    on conflict (name, labels) do update set value = m.value + excluded.value
  )
  select count(*) into v_count from ended;
  return v_count;
end
$$;

revoke all on function private.count_generations(timestamptz, timestamptz) from public, anon, authenticated, service_role;
