-- reconcile_books() -> jsonb      called by: backend/rpc/reconcile.py as service_role, from the scheduler
-- Sums both sides of the books: {difference, found}; a difference is kept in private.ledger_problems. It reads the whole ledger: daily.
create or replace function public.reconcile_books()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_difference numeric := (select b.credits from public.trial_balance() b where b.account = 'difference');
  v_found jsonb := '[]';
begin
  if v_difference <> 0 then
    v_found := jsonb_build_array(jsonb_build_object(
      'problem', 'trial_balance', 'detail', jsonb_build_object('difference', v_difference)));
  end if;
  return jsonb_build_object('difference', v_difference, 'found', private.note_ledger_problems('books', v_found));
end
$$;

revoke all on function public.reconcile_books() from public, anon, authenticated, service_role;
grant execute on function public.reconcile_books() to service_role;
