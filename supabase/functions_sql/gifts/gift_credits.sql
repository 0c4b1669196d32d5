-- gift_credits(p_email, p_credits, p_message, p_idempotency_key) -> jsonb      called by: backend/rpc/gifts.py as the user
-- Gives bought credits to whoever has confirmed an e-mail address, now or within private.settings.gift_claim_days:
-- {id, email, credits, message, transaction_id, created_at}. A repeat of the key answers the first gift.
-- Guarantees: the answer, and what the giver's ledger says, is the same whether or not the address has an account. Only bought credits
-- go, with their expiry, and they arrive as a gift: they cannot be given on. Limits per gift and per 24 hours hold under parallel calls.
-- Lock order: both wallets by id. A payment that is reversed later is taken back from the giver, who bought it.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422 · invalid_amount 400 · user_not_found 404 · idempotency_key_reused 409 ·
--   feature_disabled 403 · forbidden 403 · invalid_params 422 (oneself) · invalid_amount 400 · rate_limited 429 · insufficient_credits 402
create or replace function private.gift_credits(p_email text, p_credits bigint, p_message text, p_idempotency_key text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_email text := lower(btrim(p_email));
  v_message text := nullif(btrim(p_message), '');
  v_digest bytea := private.request_digest('gift_credits', jsonb_build_array(v_email, p_credits, v_message));
  v_wallet_id uuid;
  v_to uuid;
  v_id uuid := gen_random_uuid();
  w public.wallets;
  g private.gifts;
  t public.credit_transactions;
begin
  perform private.check_idempotency_key(p_idempotency_key);
  perform private.check_gift(v_email, v_message);
  perform private.check_amount(p_credits);
  v_wallet_id := private.ensure_account(v_user_id);
  v_to := private.find_recipient(v_email);
  perform private.lock_wallet(x.id) from (
    select unnest(array[v_wallet_id, v_to]) as id order by 1) x where x.id is not null;
  w := private.lock_wallet(v_wallet_id);
  select * into g from private.gifts x where x.wallet_id = w.id and x.idempotency_key = p_idempotency_key;
  if g.request_digest <> v_digest then
    perform private.refuse_reused_key(p_idempotency_key);
  end if;
  if g.id is null then
    perform private.check_giver(w, v_user_id, v_email, p_credits);
    g.lots := private.take_giftable_lots(w, p_credits);
    t := private.post(w, 'gift_out', -p_credits, 'gifts', private.slice_lots(g.lots, 0), 'user:' || v_user_id, p_reason => 'gift:' || v_id);
    insert into private.gifts (id, wallet_id, recipient_email, credits, message, lots, claim_until, out_transaction_id,
      idempotency_key, request_digest, created_at)
    values (v_id, w.id, v_email, p_credits, v_message, g.lots, private.gift_claim_until(g.lots), t.id,
      p_idempotency_key, v_digest, t.created_at)
    returning * into g;
    if v_to is not null then
      perform private.give_gift(g, private.lock_wallet(v_to));
    end if;
  end if;
  return jsonb_build_object('id', g.id, 'email', v_email, 'credits', g.credits, 'message', g.message,
    'transaction_id', g.out_transaction_id, 'created_at', private.rfc3339(g.created_at));
end
$$;

create or replace function public.gift_credits(p_email text, p_credits bigint, p_message text, p_idempotency_key text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.gift_credits(p_email, p_credits, p_message, p_idempotency_key);
end
$$;

revoke all on function private.gift_credits(text, bigint, text, text), public.gift_credits(text, bigint, text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.gift_credits(text, bigint, text, text), public.gift_credits(text, bigint, text, text) to authenticated;
