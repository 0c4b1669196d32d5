-- note_payment(p, p_event_id, p_transaction_id, p_note) -> void      called by: whatever changes a payment for an event
-- Writes one step of a payment's history.
create or replace function private.note_payment(
  p public.payments, p_event_id text, p_transaction_id bigint default null, p_note text default null)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into private.payment_history (
    payment_id, event_id, status, charged_cents, refunded_cents, disputed_cents, transaction_id, note, created_at)
  values (p.id, p_event_id, p.status, p.charged_cents, p.refunded_cents, p.disputed_cents, p_transaction_id, p_note, private.clock());
end
$$;

revoke all on function private.note_payment(public.payments, text, bigint, text) from public, anon, authenticated, service_role;
