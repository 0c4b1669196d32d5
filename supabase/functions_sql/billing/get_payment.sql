-- get_payment(p_payment_id) -> jsonb      called by: backend/rpc/billing.py as the user
-- One of the user's payments; another user's is not found.
-- Refuses: unauthenticated 401 · payment_not_found 404
create or replace function private.get_payment(p_payment_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  p public.payments;
begin
  select * into p from public.payments x where x.id = p_payment_id and x.user_id = v_user_id;
  if not found then
    perform private.refuse_unknown_payment(p_payment_id);
  end if;
  return private.payment_json(p);
end
$$;

create or replace function public.get_payment(p_payment_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.get_payment(p_payment_id);
end
$$;

revoke all on function private.get_payment(uuid), public.get_payment(uuid) from public, anon, authenticated, service_role;
grant execute on function private.get_payment(uuid), public.get_payment(uuid) to authenticated;
