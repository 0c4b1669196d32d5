-- claw_back(w, p_payment_id, p_amount, p_reason, p_key, p_digest) -> credit_transactions      called by: book_payment, book_invoice
-- Takes credits whose payment was reversed: what is left of the payment's own lots first, then other credits in burn order, and what is
-- missing becomes debt. Open holds stay as they are; what they give back pays the debt. w is locked and current.
drop function if exists private.claw_back(public.wallets, uuid, bigint, text);
create or replace function private.claw_back(
  w public.wallets, p_payment_id uuid, p_amount bigint, p_reason text, p_key text default null, p_digest bytea default null)
returns public.credit_transactions
language plpgsql
set search_path = ''
as $$
begin
  return private.post(w, 'clawback', -p_amount, 'reversals',
    private.take_lots(w.id, least(p_amount, greatest(0, w.balance - w.held)), p_payment_id), 'system:stripe', p_reason => p_reason,
    p_key => p_key, p_digest => p_digest);
end
$$;

revoke all on function private.claw_back(public.wallets, uuid, bigint, text, text, bytea) from public, anon, authenticated, service_role;
