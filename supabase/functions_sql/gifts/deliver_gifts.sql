-- deliver_gifts(p_limit) -> jsonb      called by: backend/rpc/gifts.py as service_role, from the scheduler
-- Gifts that wait arrive when somebody has confirmed their address, and go back when nobody has in time: {given, returned}.
-- Guarantees: a gift ends once, whoever asks at the same time. It costs in proportion to what waits.
-- Lock order: wallets by id, then the gift; one that somebody else is at is left to them.
create or replace function public.deliver_gifts(p_limit integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_given bigint := 0;
  v_returned bigint := 0;
  d record;
  g private.gifts;
  w public.wallets;
begin
  perform private.check_sweep_limit(p_limit);
  for d in
    select y.id, y.wallet_id, y.back from (
      select x.id, x.claim_until <= v_now as back,
        case when x.claim_until <= v_now then x.wallet_id else private.find_recipient(x.recipient_email) end as wallet_id
      from private.gifts x where x.state = 'waiting') y
    where y.wallet_id is not null order by y.wallet_id, y.id limit p_limit
  loop
    w := private.lock_wallet(d.wallet_id);
    select * into g from private.gifts x where x.id = d.id and x.state = 'waiting' for no key update skip locked;
    if not found then
      continue;
    end if;
    -- a gift to an address that has become the giver's own goes back, too
    if d.back or d.wallet_id = g.wallet_id then
      perform private.return_gift(g, w);
      v_returned := v_returned + 1;
    else
      perform private.give_gift(g, w);
      v_given := v_given + 1;
    end if;
  end loop;
  return jsonb_build_object('given', v_given, 'returned', v_returned);
end
$$;

revoke all on function public.deliver_gifts(integer) from public, anon, authenticated, service_role;
grant execute on function public.deliver_gifts(integer) to service_role;
