-- payment_json(p) -> jsonb      called by: operations that answer a payment to its owner
-- What the buyer may see. status tells reversals too: disputed, refunded, partially_refunded. url: where an open checkout is paid.
create or replace function private.payment_json(p public.payments)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'id', p.id, 'kind', p.kind, 'package_id', p.package_id, 'plan_id', p.plan_id,
    'title', coalesce(
      (select c.title from public.credit_packages c where c.id = p.package_id), (select l.title from public.plans l where l.id = p.plan_id)),
    'status', case
      when p.status <> 'paid' then p.status
      when p.disputed_cents > 0 then 'disputed'
      when p.refunded_cents = 0 then 'paid'
      when p.refunded_cents < p.charged_cents then 'partially_refunded'
      else 'refunded'
    end,
    'credits', p.credits, 'promo_credits', p.promo_credits, 'granted_credits', p.granted_credits, 'clawed_credits', p.clawed_credits,
    'amount_cents', p.amount_cents, 'charged_cents', p.charged_cents, 'refunded_cents', p.refunded_cents,
    'disputed_cents', p.disputed_cents, 'currency', p.currency,
    'url', case when p.status = 'open' then p.checkout_url end,
    'receipt_url', p.receipt_url, 'invoice_url', p.invoice_url,
    'created_at', private.rfc3339(p.created_at), 'paid_at', private.rfc3339(p.paid_at));
$$;

revoke all on function private.payment_json(public.payments) from public, anon, authenticated, service_role;
