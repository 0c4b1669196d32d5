-- move_payment(p, p_event_id, p_state, p_ticket) -> payments      called by: apply_payment_state, book_invoice
-- Moves one locked payment to what Stripe says, as apply_payment_state promises. Marks no event.
create or replace function private.move_payment(p public.payments, p_event_id text, p_state jsonb, p_ticket bigint)
returns public.payments
language plpgsql
set search_path = ''
as $$
declare
  v_before text := p.status;
  v_mismatch text;
begin
  if p_ticket <= p.applied_ticket then
    perform private.note_payment(p, p_event_id, null, 'superseded');
    return p;
  end if;
  update public.payments x set applied_ticket = p_ticket where x.id = p.id;
  v_mismatch := private.payment_mismatch(p, p_state);
  if v_mismatch is null then
    p := private.book_payment(private.take_payment_state(p, p_state), p_event_id);
  else
    p := private.flag_payment(p, p_event_id, v_mismatch, p_state);
  end if;
  if p.kind = 'auto_topup' and p.status <> v_before then
    perform private.settle_auto_topup(p, p_state ->> 'decline_reason');
  end if;
  return p;
end
$$;

revoke all on function private.move_payment(public.payments, text, jsonb, bigint) from public, anon, authenticated, service_role;
