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
  v_grant_id uuid;
  v_take bigint;
begin
  while v_left > 0 loop -- nearly always once
    update public.credit_grants x set remaining = x.remaining - first.take
    from (
      select g.id, least(v_left, g.remaining) as take from public.credit_grants g
      where g.wallet_id = p_wallet_id and g.open
      order by (g.payment_id = p_payment_id) is not true, g.expires_at nulls last, g.paid, g.created_at, g.id limit 1
    ) first
    where x.id = first.id
    returning x.id, first.take into v_grant_id, v_take;
    if not found then
      raise exception using errcode = 'PT500', message = 'internal',
        detail = jsonb_build_object('wallet_id', p_wallet_id, 'missing', v_left)::text,
        hint = 'Lots and wallet disagree. Run verify_ledger.';
    end if;
    v_lots := v_lots || jsonb_build_object('grant_id', v_grant_id, 'amount', v_take);
    v_left := v_left - v_take;
  end loop;
  return v_lots;
end
$$;

revoke all on function private.take_lots(uuid, bigint, uuid) from public, anon, authenticated, service_role;
