-- promo_uses(p_code, p_wallet_id) -> bigint      called by: add_promo_code, redeem_promo_code, promo_code_json
-- How often a code was used, over all versions: by everybody (p_wallet_id null) or one wallet. A use at a purchase counts while the
-- purchase can still be paid (Stripe's pages live 24 hours) and for ever once it is; whoever decides by it holds the code's lock.
create or replace function private.promo_uses(p_code text, p_wallet_id uuid)
returns bigint
language sql
stable
set search_path = ''
as $$
  select case
    when p_wallet_id is null then coalesce((select c.uses from private.promo_codes c where c.code = p_code), 0)
    else (select count(*) from private.promo_redemptions r where r.wallet_id = p_wallet_id and r.code = p_code and r.payment_id is null)
  end + (
    select count(*) from private.promo_redemptions r join public.payments p on p.id = r.payment_id
    where r.code = p_code and r.payment_id is not null and (p_wallet_id is null or r.wallet_id = p_wallet_id)
      and (p.status in ('paid', 'processing', 'flagged')
        or (p.status in ('pending', 'open') and p.created_at > private.clock() - interval '25 hours')));
$$;

revoke all on function private.promo_uses(text, uuid) from public, anon, authenticated, service_role;
