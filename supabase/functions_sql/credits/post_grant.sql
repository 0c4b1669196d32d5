-- post_grant(w, p_amount, p_source, ...) -> credit_transactions      called by: grant_credits, grant_signup_credits, book_payment
-- Credits in: one new lot and one ledger row. A debt is paid first, so the lot may start with less. w is locked and current.
drop function if exists private.post_grant(public.wallets, bigint, text, timestamptz, text, text, text, text, bytea);
create or replace function private.post_grant(
  w public.wallets, p_amount bigint, p_source text, p_expires_at timestamptz, p_actor text, p_reason text, p_reference text,
  p_key text, p_digest bytea, p_payment_id uuid default null)
returns public.credit_transactions
language plpgsql
set search_path = ''
as $$
declare
  v_grant_id uuid;
begin
  insert into public.credit_grants (wallet_id, source, amount, remaining, expires_at, payment_id, reference, created_at)
  values (w.id, p_source, p_amount, p_amount - least(w.debt, p_amount), p_expires_at, p_payment_id, p_reference, private.clock())
  returning id into v_grant_id;
  return private.post(w, 'grant', p_amount,
    case p_source
      when 'purchase' then 'purchases' when 'subscription' then 'subscriptions' when 'admin' then 'adjustments'
      when 'gift' then 'gifts' when 'refund' then 'usage' else 'promotions'
    end,
    jsonb_build_array(jsonb_build_object('grant_id', v_grant_id, 'amount', p_amount)), p_actor,
    p_reason => p_reason, p_tidy_after => p_expires_at, p_key => p_key, p_digest => p_digest);
end
$$;

revoke all on function private.post_grant(public.wallets, bigint, text, timestamptz, text, text, text, text, bytea, uuid)
  from public, anon, authenticated, service_role;
