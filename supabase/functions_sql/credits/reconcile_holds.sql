-- reconcile_holds() -> jsonb      called by: backend/rpc/reconcile.py as service_role, from the scheduler
-- Looks for open holds of generations that have ended or do not exist: {found}, the new ones, kept in private.ledger_problems.
-- They give their credits back by themselves when they expire; none should ever be there. It costs in proportion to open holds.
create or replace function public.reconcile_holds()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_found jsonb;
begin
  select coalesce(jsonb_agg(jsonb_build_object(
    'wallet_id', r.wallet_id, 'problem', 'hold_without_owner',
    'detail', jsonb_build_object('reservation_id', r.id, 'amount', r.amount, 'reference', r.reference, 'generation', g.status))), '[]')
  into v_found
  from public.credit_reservations r left join public.generations g on g.reservation_id = r.id
  where r.status = 'held' and r.expires_at > v_now
    and (g.finished_at is not null or g.id is null and r.reference like 'generation:%');
  return jsonb_build_object('found', private.note_ledger_problems('holds', v_found));
end
$$;

revoke all on function public.reconcile_holds() from public, anon, authenticated, service_role;
grant execute on function public.reconcile_holds() to service_role;
