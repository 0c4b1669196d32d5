-- hold_credits(w, p_amount, ...) -> credit_reservations      called by: reserve_credits, create_generation
-- Sets credits aside: takes them out of their lots and counts them as held. w is locked and current.
-- Refuses, first match wins: user_suspended 403 · insufficient_credits 402
create or replace function private.hold_credits(
  w public.wallets, p_amount bigint, p_expires_at timestamptz, p_key text, p_digest bytea, p_reference text, p_late_settle text)
returns public.credit_reservations
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  r public.credit_reservations;
begin
  -- Looked at here first, because calling what refuses takes longer than looking.
  if (select u.banned_until from auth.users u where u.id = w.user_id) > v_now then
    perform private.check_not_suspended(w.user_id);
  end if;
  if w.balance - w.held < p_amount then
    perform private.check_available(w, p_amount);
  end if;
  insert into public.credit_reservations (
    wallet_id, amount, lots, late_settle, expires_at, reference, idempotency_key, request_digest, created_at)
  values (
    w.id, p_amount, private.take_lots(w.id, p_amount), p_late_settle, p_expires_at, p_reference, p_key, p_digest, v_now)
  returning * into r;
  w := private.move_wallet(w.id, 0, p_amount, p_expires_at);
  return r;
end
$$;

revoke all on function private.hold_credits(public.wallets, bigint, timestamptz, text, bytea, text, text)
  from public, anon, authenticated, service_role;
