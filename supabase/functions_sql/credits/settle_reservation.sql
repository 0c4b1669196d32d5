-- settle_reservation(p_reservation_id, p_amount, p_actor, p_metadata) -> credit_reservations      called by: confirm_reservation, complete_generation
-- Takes p_amount credits (null: the whole hold) and gives the rest of the hold back. What the hold does not cover, because it ended
-- or because more is asked, follows its late_settle: collect what is available, debt down to the limit, or absorb.
-- Guarantees: settled once; what is not taken is written down as absorbed; a repeat answers the stored outcome.
-- Refuses, first match wins: invalid_amount 400 · reservation_not_found 404 · invalid_state 409
create or replace function private.settle_reservation(p_reservation_id uuid, p_amount bigint, p_actor text, p_metadata jsonb)
returns public.credit_reservations
language plpgsql
set search_path = ''
as $$
declare
  w public.wallets;
  t public.credit_transactions;
  r public.credit_reservations;
  v_wanted bigint;
  v_from_hold bigint := 0;
  v_more bigint := 0;
  v_available bigint;
  v_lots jsonb := '[]';
  v_held bigint := 0;
  v_tidy_after timestamptz;
begin
  if p_amount not between 0 and 1000000000 then
    raise exception using errcode = 'PT400', message = 'invalid_amount', detail = jsonb_build_object('amount', p_amount)::text,
      hint = 'Confirm 0 to 1,000,000,000 credits; leave the amount out to confirm the whole hold.';
  end if;
  w := private.lock_wallet_of_reservation(p_reservation_id);
  select * into strict r from public.credit_reservations x where x.id = p_reservation_id;
  v_wanted := coalesce(p_amount, r.amount);
  if r.status = 'confirmed' then
    if p_amount <> r.confirmed_amount + r.absorbed_amount then
      raise exception using errcode = 'PT409', message = 'invalid_state',
        detail = jsonb_build_object('status', r.status, 'confirmed_amount', r.confirmed_amount)::text,
        hint = 'This reservation was already confirmed with another amount.';
    end if;
    return r;
  end if;

  v_available := greatest(0, w.balance - w.held);
  if r.status = 'held' then
    v_held := -r.amount;
    v_from_hold := least(v_wanted, r.amount);
    v_lots := r.lots;
    if v_from_hold < r.amount then
      v_lots := private.slice_lots(r.lots, 0, v_from_hold);
      v_tidy_after := private.restore_lots(private.slice_lots(r.lots, v_from_hold + w.debt));
    end if;
  end if;
  if v_wanted > v_from_hold then
    v_more := least(v_wanted - v_from_hold, case r.late_settle
      when 'collect' then v_available
      when 'debt' then greatest(0, w.balance - w.held + (select s.debt_limit from private.settings s))
      else 0
    end);
    v_lots := v_lots || private.take_lots(w.id, least(v_more, v_available));
  end if;

  if v_wanted = 0 then
    w := private.move_wallet(w.id, 0, v_held, v_tidy_after);
    t.created_at := private.clock();
  else
    t := private.post(w, 'usage', -(v_from_hold + v_more), 'usage', v_lots, p_actor, p_held => v_held,
      p_absorbed => v_wanted - v_from_hold - v_more, p_reservation_id => r.id, p_tidy_after => v_tidy_after);
    insert into public.usage_logs (user_id, action, credits, reference, metadata, created_at)
    values (w.user_id, split_part(coalesce(r.reference, 'usage'), ':', 1), -t.amount, r.reference, p_metadata, t.created_at);
  end if;
  update public.credit_reservations x
  set status = 'confirmed', confirmed_amount = v_from_hold + v_more, absorbed_amount = v_wanted - v_from_hold - v_more,
      settled_at = t.created_at
  where x.id = r.id
  returning * into r;
  return r;
end
$$;

revoke all on function private.settle_reservation(uuid, bigint, text, jsonb) from public, anon, authenticated, service_role;
