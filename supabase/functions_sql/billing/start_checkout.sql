-- start_checkout(p_package_id, p_idempotency_key, p_promo_code) -> jsonb      called by: backend/rpc/billing.py as the user
-- A payment to be made for a package, at the price that our row says now. A repeat of the key answers the first payment as it is now.
-- p_promo_code adds its percent to the credits, not to the price; a repeat keeps what the first had. What nobody has opened a page for
-- within 30 minutes has expired, so that price and code are good for a day and not for ever.
-- Guarantees: one key, one payment, also under parallel calls. No credit moves here.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422 · user_not_found 404 · idempotency_key_reused 409 ·
--   feature_disabled 403 · package_not_found 404 · promo_code_redeemed 409 · promo_code_not_found 404 · invalid_state 409 (the code gives credits)
drop function if exists public.start_checkout(text, text);
drop function if exists private.start_checkout(text, text);
create or replace function private.start_checkout(p_package_id text, p_idempotency_key text, p_promo_code text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_code text := upper(btrim(p_promo_code));
  v_digest bytea := private.request_digest('start_checkout', jsonb_build_array(p_package_id) || coalesce(to_jsonb(v_code), '[]'));
  v_now timestamptz := private.clock();
  v_wallet_id uuid;
  c public.credit_packages;
  p public.payments;
begin
  perform private.check_idempotency_key(p_idempotency_key);
  v_wallet_id := private.ensure_account(v_user_id);
  select * into p from public.payments x where x.wallet_id = v_wallet_id and x.idempotency_key = p_idempotency_key;
  if p.id is null or p.status = 'pending' and p.request_digest = v_digest then -- nobody has seen a page to pay on
    perform private.require_flag('payments');
  end if;
  select * into c from public.credit_packages x where x.id = p_package_id and x.active;
  if found and p.id is null then
    insert into public.payments (user_id, wallet_id, kind, package_id, credits, amount_cents, currency, check_at,
      idempotency_key, request_digest, created_at, updated_at)
    values (v_user_id, v_wallet_id, 'checkout', c.id, c.credits + c.bonus_credits, c.amount_cents, c.currency,
      v_now + interval '10 minutes', p_idempotency_key, v_digest, v_now, v_now)
    on conflict (wallet_id, idempotency_key) do nothing
    returning * into p;
    if p.id is not null and v_code is not null then
      perform private.add_promo_code(p, v_code);
    end if;
  end if;
  select * into p from public.payments x where x.wallet_id = v_wallet_id and x.idempotency_key = p_idempotency_key;
  if not found then
    raise exception using errcode = 'PT404', message = 'package_not_found', detail = jsonb_build_object('package_id', p_package_id)::text,
      hint = 'There is no such package, or it is not sold any more.';
  end if;
  if p.request_digest <> v_digest then
    perform private.refuse_reused_key(p_idempotency_key, jsonb_build_object('payment_id', p.id));
  end if;
  if p.status = 'pending' and p.created_at <= v_now - interval '30 minutes' then
    p := private.lock_payment(p.id);
    if p.status = 'pending' then
      update public.payments x set status = 'expired', check_at = null, updated_at = v_now where x.id = p.id returning * into p;
      perform private.note_payment(p, null, null, 'nobody opened the page');
    end if;
  end if;
  return private.payment_json(p);
end
$$;

create or replace function public.start_checkout(p_package_id text, p_idempotency_key text, p_promo_code text default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.start_checkout(p_package_id, p_idempotency_key, p_promo_code);
end
$$;

revoke all on function private.start_checkout(text, text, text), public.start_checkout(text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.start_checkout(text, text, text), public.start_checkout(text, text, text) to authenticated;
