-- reserve_credits(p_amount, p_idempotency_key, p_ttl_seconds, p_reference) -> credit_reservations      called by: backend/rpc/credits.py as the user
-- Holds credits for work to come. A repeat of the key answers the first reservation with its present status.
-- Guarantees: never more than is available, also under parallel calls. One key holds once. When the time is up the credits are free again at once.
-- Refuses, first match wins: unauthenticated 401 · invalid_amount 400 · invalid_params 422 · user_not_found 404 ·
--   idempotency_key_reused 409 · user_suspended 403 · insufficient_credits 402
create or replace function private.reserve_credits(p_amount bigint, p_idempotency_key text, p_ttl_seconds integer, p_reference text)
returns public.credit_reservations
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_digest bytea := private.request_digest('reserve_credits', jsonb_build_array(p_amount, p_ttl_seconds, p_reference));
  w public.wallets;
  r public.credit_reservations;
begin
  perform private.check_amount(p_amount), private.check_idempotency_key(p_idempotency_key), private.check_ttl(p_ttl_seconds);
  if char_length(p_reference) > 200 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "reference"}',
      hint = 'A reference has at most 200 characters.';
  end if;
  w := private.open_wallet(v_user_id);
  r := private.replayed_reservation(w.id, p_idempotency_key, v_digest);
  if r.id is null then
    r := private.hold_credits(w, p_amount, private.clock() + make_interval(secs => p_ttl_seconds),
      p_idempotency_key, v_digest, p_reference, 'collect');
  end if;
  return r;
end
$$;

create or replace function public.reserve_credits(
  p_amount bigint, p_idempotency_key text, p_ttl_seconds integer default 900, p_reference text default null)
returns public.credit_reservations
language plpgsql
set search_path = ''
as $$
begin
  return private.reserve_credits(p_amount, p_idempotency_key, p_ttl_seconds, p_reference);
end
$$;

revoke all on function private.reserve_credits(bigint, text, integer, text), public.reserve_credits(bigint, text, integer, text)
  from public, anon, authenticated, service_role;
grant execute on function private.reserve_credits(bigint, text, integer, text), public.reserve_credits(bigint, text, integer, text)
  to authenticated;
