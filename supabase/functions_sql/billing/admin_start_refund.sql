-- admin_start_refund(p_payment_id, p_amount_cents, p_credits, p_reason, p_idempotency_key, p_dry_run) -> jsonb
--   called by: backend/rpc/admin.py as an admin
-- A refund to be sent to Stripe: of an amount, of so many of its credits, or (both null) of all that is left. For admins.
-- Guarantees: with those that are on their way never more than was paid. No credit moves here: that happens when Stripe gave the money back.
-- A dry run books that too, and tells what it takes: see refund_takes.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422 · payment_not_found 404 ·
--   idempotency_key_reused 409 · invalid_state 409 · invalid_amount 400
drop function if exists public.admin_start_refund(uuid, bigint, bigint, text, text);
drop function if exists private.admin_start_refund(uuid, bigint, bigint, text, text);
create or replace function private.act_start_refund(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_amount_cents bigint := (p_request ->> 'amount_cents')::bigint;
  v_credits bigint := (p_request ->> 'credits')::bigint;
  v_reason text := p_request ->> 'reason';
  v_idempotency_key text := p_request ->> 'idempotency_key';
  v_digest bytea := private.request_digest('admin_start_refund', jsonb_build_array(v_amount_cents, v_credits, v_reason));
  v_reversed bigint;
  v_amount bigint;
  p public.payments;
  r private.payment_refunds;
begin
  perform private.check_idempotency_key(v_idempotency_key);
  if (v_amount_cents is not null and v_credits is not null) or coalesce(char_length(v_reason), 0) not between 1 and 500 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "amount_cents"}',
      hint = 'Name an amount or a number of credits, not both, and a reason of at most 500 characters.';
  end if;
  p := private.lock_payment(p_subject_id::uuid);
  select * into r from private.payment_refunds x where x.payment_id = p.id and x.idempotency_key = v_idempotency_key;
  if r.request_digest <> v_digest then
    perform private.refuse_reused_key(v_idempotency_key, jsonb_build_object('refund_id', r.id));
  end if;
  if r.id is not null then
    return jsonb_build_object('answer', private.refund_json(r), 'repeated', true);
  end if;
  if p.status not in ('paid', 'flagged') or p.payment_intent_id is null or p.disputed_cents > 0 then
    raise exception using errcode = 'PT409', message = 'invalid_state',
      detail = jsonb_build_object('status', p.status, 'disputed_cents', p.disputed_cents)::text,
      hint = 'Only a payment that was paid, and is not disputed, can be refunded.';
  end if;
  select p.refunded_cents + coalesce(sum(x.amount_cents), 0) into v_reversed
  from private.payment_refunds x where x.payment_id = p.id and x.status = 'requested';
  v_amount := case
    when v_credits is null then coalesce(v_amount_cents, p.charged_cents - v_reversed)
    when v_credits between 1 and p.credits then
      private.cents_of_credits(p.credits, p.charged_cents, private.reversed_credits(p.credits, p.charged_cents, v_reversed) + v_credits) - v_reversed
  end;
  if v_amount is null or v_amount not between 1 and p.charged_cents - v_reversed then
    raise exception using errcode = 'PT400', message = 'invalid_amount',
      detail = jsonb_build_object('amount_cents', v_amount, 'refundable_cents', p.charged_cents - v_reversed)::text,
      hint = format('At most %s of the smallest unit of %s can still be refunded.', p.charged_cents - v_reversed, upper(p.currency));
  end if;
  insert into private.payment_refunds (
    payment_id, amount_cents, reason, actor, idempotency_key, request_digest, check_at, created_at)
  values (p.id, v_amount, v_reason, auth.uid(), v_idempotency_key, v_digest, private.clock() + interval '1 minute', private.clock())
  returning * into r;
  return jsonb_build_object('made', true, 'before', jsonb_build_object('reversed_cents', v_reversed),
    'after', jsonb_build_object('reversed_cents', v_reversed + v_amount, 'refund_id', r.id),
    'answer', private.refund_json(r) || case when p_request ? 'dry_run' then
      jsonb_build_object('takes', private.refund_takes(p, v_reversed, v_reversed + v_amount)) else '{}' end);
end
$$;

create or replace function private.admin_start_refund(
  p_payment_id uuid, p_amount_cents bigint, p_credits bigint, p_reason text, p_idempotency_key text, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'start_refund', 'payment', p_payment_id::text, jsonb_build_object('amount_cents', p_amount_cents,
    'credits', p_credits, 'reason', p_reason, 'idempotency_key', p_idempotency_key)
    || case when p_dry_run then jsonb_build_object('dry_run', true) else '{}' end, p_dry_run);
$$;

create or replace function public.admin_start_refund(
  p_payment_id uuid, p_amount_cents bigint, p_credits bigint, p_reason text, p_idempotency_key text,
  p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_start_refund(p_payment_id, p_amount_cents, p_credits, p_reason, p_idempotency_key, p_dry_run);
$$;

revoke all on function private.act_start_refund(text, jsonb), private.admin_start_refund(uuid, bigint, bigint, text, text, boolean),
  public.admin_start_refund(uuid, bigint, bigint, text, text, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_start_refund(uuid, bigint, bigint, text, text, boolean),
  public.admin_start_refund(uuid, bigint, bigint, text, text, boolean) to authenticated;
