-- list_credit_transactions(p_before, p_limit) -> jsonb      called by: backend/rpc/credits.py as the user
-- {data: [transaction], has_more}, newest first. The next page starts before the last id of this one. p_limit 1 to 200.
-- Refuses: unauthenticated 401 · invalid_params 422
create or replace function private.list_credit_transactions(p_before bigint, p_limit integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.transactions_page(private.require_user(), p_before, p_limit);
end
$$;

create or replace function public.list_credit_transactions(p_before bigint default null, p_limit integer default 50)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_credit_transactions(p_before, p_limit);
end
$$;

revoke all on function private.list_credit_transactions(bigint, integer), public.list_credit_transactions(bigint, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.list_credit_transactions(bigint, integer), public.list_credit_transactions(bigint, integer)
  to authenticated;
