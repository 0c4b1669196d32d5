-- look_up_subscription(p_stripe_subscription_id) -> jsonb      called by: backend/rpc/subscriptions.py as service_role
-- {ticket, invoices_since}: the ticket to apply Stripe's answer with, and from when on invoices are to be looked at: those before are settled
-- and change only by refunds and disputes, which name their payment. invoices_since is null when all are.
create or replace function public.look_up_subscription(p_stripe_subscription_id text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  return jsonb_build_object('ticket', nextval('private.payment_tickets'), 'invoices_since', (
    select private.rfc3339(coalesce(
      min(p.period_start) filter (where p.status in ('pending', 'open', 'processing')), max(p.period_start)) - interval '1 day')
    from public.subscriptions s join public.payments p on p.subscription_id = s.id
    where s.stripe_subscription_id = p_stripe_subscription_id));
end
$$;

revoke all on function public.look_up_subscription(text) from public, anon, authenticated, service_role;
grant execute on function public.look_up_subscription(text) to service_role;
