-- note_incidents(p_conditions, p_channels, p_patience_seconds) -> jsonb      called by: backend/rpc/scheduler.py as service_role
-- Takes all that is wrong now, [{kind, subject, detail}]: begins an incident for what is new, ends those that are over, and returns what is
-- still to be told over p_channels: [{id, event, channel, kind, subject, detail, began_at, ended_at}], event began or ended.
-- Guarantees: one open incident per kind and subject. What was shorter than p_patience_seconds is not told. A beginning is told before the
-- end; an end that could not be told for a day is given up. Nothing counts as told until mark_incident_told says so.
-- Refuses: invalid_params 422
create or replace function public.note_incidents(p_conditions jsonb, p_channels text[], p_patience_seconds double precision)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
begin
  if (jsonb_typeof(p_conditions) = 'array' and p_channels is not null and p_patience_seconds between 0 and 1000000000) is not true then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "conditions"}',
      hint = 'Send what is wrong as a list, the channels, and the patience in seconds.';
  end if;
  with given as materialized (
    select c.kind, coalesce(c.subject, '') as subject, coalesce(c.detail, '{}') as detail
    from jsonb_to_recordset(p_conditions) as c (kind text, subject text, detail jsonb)
  ), ended as (
    update private.incidents i set ended_at = v_now
    where i.ended_at is null and not exists (select from given g where g.kind = i.kind and g.subject = i.subject)
  )
  insert into private.incidents (kind, subject, detail, began_at)
  select distinct on (g.kind, g.subject) g.kind, g.subject, g.detail, v_now from given g order by g.kind, g.subject
  on conflict (kind, subject) where ended_at is null do nothing;
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'id', i.id, 'event', e.event, 'channel', c.channel, 'kind', i.kind, 'subject', i.subject, 'detail', i.detail,
      'began_at', private.rfc3339(i.began_at), 'ended_at', private.rfc3339(i.ended_at)) order by i.began_at, i.id, e.event), '[]')
    from private.incidents i
    cross join unnest(p_channels) c (channel)
    cross join lateral (
      select 'began' as event where not c.channel = any(i.told_began)
      union all
      select 'ended' where i.ended_at is not null and not c.channel = any(i.told_ended)) e
    where (i.ended_at is null or i.ended_at > v_now - interval '1 day')
      and coalesce(i.ended_at, v_now) >= i.began_at + make_interval(secs => p_patience_seconds));
end
$$;

revoke all on function public.note_incidents(jsonb, text[], double precision) from public, anon, authenticated, service_role;
grant execute on function public.note_incidents(jsonb, text[], double precision) to service_role;
