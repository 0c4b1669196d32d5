-- check_available(w, p_amount) -> void      called by: hold_credits, hold_items
-- Refuses: insufficient_credits 402
create or replace function private.check_available(w public.wallets, p_amount bigint)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if w.balance - w.held < p_amount then
    raise exception using errcode = 'PT402', message = 'insufficient_credits',
      detail = jsonb_build_object('required', p_amount, 'available', w.balance - w.held, 'balance', w.balance, 'held', w.held)::text,
      hint = format('This needs %s credits and %s are available.', p_amount, w.balance - w.held);
  end if;
end
$$;

revoke all on function private.check_available(public.wallets, bigint) from public, anon, authenticated, service_role;
