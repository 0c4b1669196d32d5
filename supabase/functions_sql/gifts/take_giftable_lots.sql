-- take_giftable_lots(w, p_credits) -> jsonb      called by: gift_credits
-- Takes credits out of lots that were bought, in burn order: [{grant_id, amount, expires_at}]. Sign-up credits, promotions, gifts and what a
-- subscription brings stay with whom they were meant for. A wallet in debt has none. w is locked and current.
-- Refuses: insufficient_credits 402
create or replace function private.take_giftable_lots(w public.wallets, p_credits bigint)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_left bigint := p_credits;
  v_lots jsonb := '[]';
  v_take bigint;
  g record;
begin
  for g in
    select x.id, x.remaining, x.expires_at from public.credit_grants x
    where x.wallet_id = w.id and x.open and x.source = 'purchase'
    order by x.expires_at nulls last, x.created_at, x.id
  loop
    exit when v_left = 0;
    v_take := least(v_left, g.remaining);
    update public.credit_grants x set remaining = x.remaining - v_take where x.id = g.id;
    v_lots := v_lots || jsonb_build_object('grant_id', g.id, 'amount', v_take, 'expires_at', private.rfc3339(g.expires_at));
    v_left := v_left - v_take;
  end loop;
  if v_left > 0 then
    raise exception using errcode = 'PT402', message = 'insufficient_credits',
      detail = jsonb_build_object('required', p_credits, 'available', p_credits - v_left, 'balance', w.balance, 'held', w.held)::text,
      hint = format('Only credits that you bought can be given, and %s of these are left.', p_credits - v_left);
  end if;
  return v_lots;
end
$$;

revoke all on function private.take_giftable_lots(public.wallets, bigint) from public, anon, authenticated, service_role;
