-- settle_auto_topup(p, p_reason) -> void      called by: move_payment and fail_auto_topup, when an attempt's status has changed
-- Paid: declines are forgotten; whoever is still below the threshold stays due. Not paid: the next attempt waits 1, then 6 hours. It stops
-- after 3 declines in a row, and at once when only the owner can go on: the bank wants to see a person, there is no card, it was flagged.
create or replace function private.settle_auto_topup(p public.payments, p_reason text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_reason text := coalesce(p_reason, p.flag_reason, 'declined');
  v_declines integer;
begin
  perform private.lock_wallet(p.wallet_id); -- before the settings, as whoever spends
  if p.status = 'paid' then
    update public.auto_topups x
    set declines = 0, due_at = (select x.due_at from public.wallets w where w.id = p.wallet_id and w.balance - w.held < x.threshold)
    where x.wallet_id = p.wallet_id;
  elsif p.status in ('failed', 'flagged') then
    update public.auto_topups x
    set declines = x.declines + 1,
        not_before = private.clock() + case x.declines when 0 then interval '1 hour' else interval '6 hours' end
    where x.wallet_id = p.wallet_id
    returning x.declines into v_declines;
    if v_declines >= 3 or p.status = 'flagged' or v_reason in ('authentication_required', 'no_payment_method') then
      perform private.stop_auto_topup(p.wallet_id, v_reason, p.id);
    end if;
  end if;
end
$$;

revoke all on function private.settle_auto_topup(public.payments, text) from public, anon, authenticated, service_role;
