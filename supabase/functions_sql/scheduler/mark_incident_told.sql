-- mark_incident_told(p_incident_id, p_event, p_channel) -> void      called by: backend/rpc/scheduler.py as service_role, after a delivery
-- Notes that the beginning or the end of an incident was delivered over a channel; a second time changes nothing.
-- Refuses: invalid_params 422
create or replace function public.mark_incident_told(p_incident_id uuid, p_event text, p_channel text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  if (p_event in ('began', 'ended') and p_channel <> '') is not true then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "event"}',
      hint = 'event is began or ended, over a channel with a name.';
  end if;
  update private.incidents i
  set told_began = case when p_event = 'began' then i.told_began || p_channel else i.told_began end,
      told_ended = case when p_event = 'ended' then i.told_ended || p_channel else i.told_ended end
  where i.id = p_incident_id and not p_channel = any(case p_event when 'began' then i.told_began else i.told_ended end);
end
$$;

revoke all on function public.mark_incident_told(uuid, text, text) from public, anon, authenticated, service_role;
grant execute on function public.mark_incident_told(uuid, text, text) to service_role;
