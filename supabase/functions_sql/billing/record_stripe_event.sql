-- record_stripe_event(p_payload, p_source) -> jsonb      called by: backend/rpc/stripe_events.py as service_role
-- Keeps an event of Stripe, once by its id, for ever: {id, state, recorded}. recorded is false when it was there already.
-- The first attempt is due in 10 seconds: the job that the webhook enqueues is normally quicker.
-- Refuses: invalid_params 422 (it is no event)
create or replace function public.record_stripe_event(p_payload jsonb, p_source text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_recorded boolean;
  v_state text;
begin
  if coalesce(p_payload ->> 'id', '') = '' or coalesce(p_payload ->> 'type', '') = '' then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "payload"}',
      hint = 'An event of Stripe has an id and a type.';
  end if;
  insert into private.stripe_events (id, type, object_type, object_id, payload, livemode, source, received_at, next_attempt_at)
  values (p_payload ->> 'id', p_payload ->> 'type', p_payload #>> '{data,object,object}', p_payload #>> '{data,object,id}',
    p_payload, coalesce((p_payload ->> 'livemode')::boolean, false), p_source, v_now, v_now + interval '10 seconds')
  on conflict (id) do nothing;
  v_recorded := found;
  select e.state into strict v_state from private.stripe_events e where e.id = p_payload ->> 'id';
  return jsonb_build_object('id', p_payload ->> 'id', 'state', v_state, 'recorded', v_recorded);
end
$$;

revoke all on function public.record_stripe_event(jsonb, text) from public, anon, authenticated, service_role;
grant execute on function public.record_stripe_event(jsonb, text) to service_role;
