-- check_promo_code(v, p_code, p_wallet_id, p_at_purchase) -> void      called by: redeem_promo_code, add_promo_code
-- Whether a wallet may use a locked code now. Unknown, off, not valid now and used up by others are one answer, so that guessing tells nothing.
-- Refuses, first match wins: promo_code_redeemed 409 · promo_code_not_found 404 · invalid_state 409
create or replace function private.check_promo_code(
  v private.promo_code_versions, p_code text, p_wallet_id uuid, p_at_purchase boolean)
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
begin
  if private.promo_uses(v.code, p_wallet_id) >= v.max_uses_per_user then
    raise exception using errcode = 'PT409', message = 'promo_code_redeemed',
      detail = jsonb_build_object('code', p_code, 'open_payment_id', (
        select p.id from private.promo_redemptions r join public.payments p on p.id = r.payment_id
        where r.wallet_id = p_wallet_id and r.code = v.code and p.status = 'open' order by p.created_at desc limit 1))::text,
      hint = 'You have redeemed this code already, or a purchase with it is still open.';
  end if;
  if v.code is null or not v.active or v.valid_from > v_now or v.valid_until <= v_now
    or (v.max_uses is not null and private.promo_uses(v.code, null) >= v.max_uses) then
    raise exception using errcode = 'PT404', message = 'promo_code_not_found', detail = '{}',
      hint = 'There is no such code, or it can''t be redeemed now.';
  end if;
  if p_at_purchase <> (v.bonus_percent is not null) then
    raise exception using errcode = 'PT409', message = 'invalid_state',
      detail = jsonb_build_object('code', p_code, 'bonus_percent', v.bonus_percent)::text,
      hint = case when p_at_purchase then 'This code gives credits: redeem it by itself.'
        else 'This code adds to a purchase: send it as promo_code with the checkout.' end;
  end if;
end
$$;

revoke all on function private.check_promo_code(private.promo_code_versions, text, uuid, boolean) from public, anon, authenticated, service_role;
