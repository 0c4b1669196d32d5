-- refund_transaction(p_transaction_id, p_amount, p_reason, p_idempotency_key) -> credit_transactions      called by: backend/rpc/credits.py as service_role
-- Gives back credits that a usage took, all that is left of it (p_amount null) or part, to the very lots it burned, last burned first.
-- Guarantees: never more than was taken, over all refunds together. One key refunds once. A debt is paid first.
-- Refuses, first match wins: invalid_params 422 · transaction_not_found 404 · invalid_state 409 · idempotency_key_reused 409 · invalid_amount 400
create or replace function public.refund_transaction(
  p_transaction_id bigint, p_amount bigint default null, p_reason text default null, p_idempotency_key text default null)
returns public.credit_transactions
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_digest bytea := private.request_digest('refund_transaction', jsonb_build_array(p_transaction_id, p_amount, p_reason));
  v_usage public.credit_transactions;
  t public.credit_transactions;
  w public.wallets;
  v_refunded bigint;
  v_amount bigint;
  v_lots jsonb;
  v_tidy_after timestamptz;
begin
  perform private.check_idempotency_key(p_idempotency_key);
  select * into v_usage from public.credit_transactions x where x.id = p_transaction_id;
  if not found then
    raise exception using errcode = 'PT404', message = 'transaction_not_found',
      detail = jsonb_build_object('transaction_id', p_transaction_id)::text, hint = 'There is no such transaction.';
  end if;
  if v_usage.kind <> 'usage' then
    raise exception using errcode = 'PT409', message = 'invalid_state', detail = jsonb_build_object('kind', v_usage.kind)::text,
      hint = 'Only a usage can be refunded.';
  end if;
  w := private.lock_wallet(v_usage.wallet_id);
  t := private.replayed_transaction(w.id, p_idempotency_key, v_digest);
  if t.id is not null then
    return t;
  end if;
  select coalesce(sum(x.amount), 0) into v_refunded from public.credit_transactions x where x.reverses_id = v_usage.id;
  v_amount := coalesce(p_amount, -v_usage.amount - v_refunded);
  if v_amount not between 1 and -v_usage.amount - v_refunded then
    raise exception using errcode = 'PT400', message = 'invalid_amount',
      detail = jsonb_build_object('amount', v_amount, 'refundable', -v_usage.amount - v_refunded)::text,
      hint = format('At most %s credits of this transaction can still be refunded.', -v_usage.amount - v_refunded);
  end if;

  v_lots := private.slice_lots(private.refund_order(v_usage), v_refunded, v_amount);
  v_tidy_after := private.restore_lots(private.give_home(w.id, private.slice_lots(v_lots, w.debt)));
  t := private.post(w, 'refund', v_amount, 'usage', v_lots, 'system:service', p_reason => p_reason,
    p_reservation_id => v_usage.reservation_id, p_reverses_id => v_usage.id, p_tidy_after => v_tidy_after,
    p_key => p_idempotency_key, p_digest => v_digest);
  insert into public.usage_logs (user_id, action, credits, reference, metadata, created_at)
  values (w.user_id, 'refund', -v_amount, 'transaction:' || v_usage.id, coalesce((
    select jsonb_build_object('model', g.model_id) from public.generations g where g.reservation_id = v_usage.reservation_id), '{}'),
    t.created_at);
  return t;
end
$$;

revoke all on function public.refund_transaction(bigint, bigint, text, text) from public, anon, authenticated, service_role;
grant execute on function public.refund_transaction(bigint, bigint, text, text) to service_role;
