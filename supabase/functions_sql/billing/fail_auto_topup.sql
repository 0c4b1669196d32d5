-- fail_auto_topup(p_payment_id, p_reason) -> jsonb      called by: backend/rpc/topups.py as service_role
-- Ends an attempt for which there is no payment at Stripe to look at. One that turns out to be paid all the same gives its credits then.
-- Refuses: payment_not_found 404
create or replace function public.fail_auto_topup(p_payment_id uuid, p_reason text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  p public.payments := private.lock_payment(p_payment_id);
begin
  if p.kind = 'auto_topup' and p.status = 'pending' then
    update public.payments x set status = 'failed', check_at = null, updated_at = private.clock() where x.id = p.id returning * into p;
    perform private.note_payment(p, null, null, left(p_reason, 200));
    perform private.settle_auto_topup(p, left(p_reason, 200));
  end if;
  return private.payment_json(p);
end
$$;

revoke all on function public.fail_auto_topup(uuid, text) from public, anon, authenticated, service_role;
grant execute on function public.fail_auto_topup(uuid, text) to service_role;
