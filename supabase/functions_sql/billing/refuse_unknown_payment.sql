-- refuse_unknown_payment(p_payment_id) -> void, never returns      called by: operations that name a payment
-- Refuses: payment_not_found 404
create or replace function private.refuse_unknown_payment(p_payment_id uuid)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  raise exception using errcode = 'PT404', message = 'payment_not_found',
    detail = jsonb_build_object('payment_id', p_payment_id)::text, hint = 'There is no such payment.';
end
$$;

revoke all on function private.refuse_unknown_payment(uuid) from public, anon, authenticated, service_role;
