-- return_gift(g, w) -> void      called by: deliver_gifts
-- A gift that nobody has claimed goes back to the very lots that it was taken from, a debt first; what has expired meanwhile expires there.
-- g and w, the giver's, are locked, w is current.
create or replace function private.return_gift(g private.gifts, w public.wallets)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_tidy_after timestamptz := private.restore_lots(private.slice_lots(g.lots, w.debt));
  t public.credit_transactions;
begin
  t := private.post(w, 'gift_in', g.credits, 'gifts', private.slice_lots(g.lots, 0), 'system:gifts', p_reason => 'gift:' || g.id,
    p_tidy_after => v_tidy_after);
  update private.gifts x
  set state = 'returned', recipient_email = null, in_transaction_id = t.id, ended_at = t.created_at
  where x.id = g.id;
  if w.user_id is not null then
    perform private.notify(w.user_id, 'gift_returned', jsonb_build_object('gift_id', g.id, 'credits', g.credits), 'gift:' || g.id);
  end if;
end
$$;

revoke all on function private.return_gift(private.gifts, public.wallets) from public, anon, authenticated, service_role;
