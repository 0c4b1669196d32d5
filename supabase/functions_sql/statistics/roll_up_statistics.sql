-- roll_up_statistics(p_limit) -> jsonb      called by: backend/rpc/statistics.py as service_role, from the scheduler
-- Adds what the roll-ups do not hold yet, up to p_limit rows of each kind: {ledger_rows, payment_steps, generations, more}. more: call again.
-- Guarantees: each raw row is counted once, whenever it becomes visible and whatever date it bears, since the sums and the list of what they
-- hold are written in one transaction. A generation counts when no transaction can still end one before it (docs/statistics.md has the proof).
-- Refuses: invalid_params 422
create or replace function public.roll_up_statistics(p_limit integer default 10000)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  -- Read before this transaction has a number: whoever gets a later number takes later ids, and ends later what it ends.
  v_fresh boolean := pg_current_xact_id_if_assigned() is null;
  v_now timestamptz := private.clock();
  v_before private.statistics_cursor;
  c private.statistics_cursor;
  v_over boolean;
  v_ledger record;
  v_payments record;
  v_generations record;
  v_more boolean;
begin
  perform private.check_sweep_limit(p_limit);
  select * into strict v_before from private.statistics_cursor;
  select * into strict c from private.statistics_cursor for update;
  v_over := coalesce(pg_snapshot_xmin(pg_current_snapshot()) >= c.mark_xid, false);
  if v_over then
    c.settled_until := greatest(c.settled_until, c.mark_at);
  end if;
  v_ledger := private.roll_up_credits(c.ledger_uncounted, p_limit);
  v_payments := private.roll_up_payments(c.payments_uncounted, p_limit);
  v_generations := private.roll_up_generations(c.generations_until, c.settled_until, p_limit);
  v_more := greatest(v_ledger.counted, v_payments.counted) >= p_limit or v_generations.until < c.settled_until;
  if v_over and not v_more then -- ids that were given away and never came: their transactions failed
    v_ledger.uncounted := v_ledger.uncounted * int8multirange(int8range(c.mark_ledger_id, null));
    v_payments.uncounted := v_payments.uncounted * int8multirange(int8range(c.mark_payments_id, null));
  end if;
  if v_fresh and (v_over or c.mark_xid is null or c.mark_xid > pg_current_xact_id()) then -- a restored database counts its transactions anew
    c.mark_xid := pg_current_xact_id();
    c.mark_at := v_now - interval '1 minute'; -- clocks are set back a little now and then
    c.mark_ledger_id := private.open_end(v_before.ledger_uncounted);
    c.mark_payments_id := private.open_end(v_before.payments_uncounted);
  end if;
  update private.statistics_cursor x
  set ledger_uncounted = v_ledger.uncounted, payments_uncounted = v_payments.uncounted, generations_until = v_generations.until,
      settled_until = c.settled_until, mark_xid = c.mark_xid, mark_at = c.mark_at, mark_ledger_id = c.mark_ledger_id,
      mark_payments_id = c.mark_payments_id, caught_up_at = case when v_more then x.caught_up_at else v_now end
  where true;
  return jsonb_build_object('ledger_rows', v_ledger.counted, 'payment_steps', v_payments.counted,
    'generations', v_generations.counted, 'more', v_more);
end
$$;

revoke all on function public.roll_up_statistics(integer) from public, anon, authenticated, service_role;
grant execute on function public.roll_up_statistics(integer) to service_role;
