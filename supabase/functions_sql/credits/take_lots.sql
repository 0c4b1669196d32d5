-- take_lots(p_wallet_id, p_amount, p_payment_id) -> jsonb      called by: hold_credits, settle_reservation, claw_back
-- Takes credits out of open lots in burn order: earliest expiry first, then promotional before paid, then oldest.
-- Lots of p_payment_id, when it is given, come before all others.
-- Returns [{grant_id, amount}]. The caller holds the wallet's lock, after lock_wallet removed what has expired, and knows that they are there.
drop function if exists private.take_lots(uuid, bigint);
create or replace function private.take_lots(p_wallet_id uuid, p_amount bigint, p_payment_id uuid default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_left bigint := p_amount;
  v_lots jsonb := '[]';
  v_take bigint;
  g record;
begin
  if p_amount = 0 then
    return v_lots;
  end if;
  for g in
    select x.id, x.remaining from public.credit_grants x
    where x.wallet_id = p_wallet_id and x.open
    order by (x.payment_id = p_payment_id) is not true, x.expires_at nulls last, x.paid, x.created_at, x.id
  loop
    exit when v_left = 0;
    v_take := least(v_left, g.remaining);
    update public.credit_grants x set remaining = x.remaining - v_take where x.id = g.id;
    v_lots := v_lots || jsonb_build_object('grant_id', g.id, 'amount', v_take);
    v_left := v_left - v_take;
  end loop;
  if v_left <> 0 then
    raise exception using errcode = 'PT500', message = 'internal',
      detail = jsonb_build_object('wallet_id', p_wallet_id, 'missing', v_left)::text,
      hint = 'Lots and wallet disagree. Run verify_ledger.';
  end if;
  return v_lots;
end
$$;

revoke all on function private.take_lots(uuid, bigint, uuid) from public, anon, authenticated, service_role;
