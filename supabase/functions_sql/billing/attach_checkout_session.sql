-- attach_checkout_session(p_payment_id, p_session_id, p_url) -> jsonb      called by: backend/rpc/billing.py as service_role
-- Remembers which Checkout Session a payment is paid through. The same session again changes nothing.
-- Refuses, first match wins: payment_not_found 404 · invalid_state 409 (it has another session)
create or replace function public.attach_checkout_session(p_payment_id uuid, p_session_id text, p_url text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  p public.payments := private.lock_payment(p_payment_id);
begin
  if p.checkout_session_id <> p_session_id then
    raise exception using errcode = 'PT409', message = 'invalid_state', detail = jsonb_build_object('payment_id', p.id)::text,
      hint = 'This payment already has another checkout session.';
  end if;
  update public.payments x
  set checkout_session_id = p_session_id, checkout_url = coalesce(x.checkout_url, p_url), updated_at = private.clock(),
      status = case x.status when 'pending' then 'open' else x.status end
  where x.id = p.id
  returning * into p;
  return private.payment_json(p);
end
$$;

revoke all on function public.attach_checkout_session(uuid, text, text) from public, anon, authenticated, service_role;
grant execute on function public.attach_checkout_session(uuid, text, text) to service_role;
