-- set_auto_topup(p_enabled, p_threshold, p_package_id, p_monthly_cap_cents) -> jsonb      called by: backend/rpc/topups.py as the user
-- Whether, when and what is bought by itself. Setting it again forgets earlier declines, but not when the last attempt was. Switched off, it
-- gives up an attempt for which Stripe may not have been asked yet; if Stripe was, what was paid still gives its credits.
-- Guarantees: the same twice changes nothing more. Nothing is bought here.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422 · user_not_found 404 · package_not_found 404
create or replace function private.set_auto_topup(p_enabled boolean, p_threshold bigint, p_package_id text, p_monthly_cap_cents bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_least bigint; -- a cap below the price could never buy anything
  w public.wallets;
  a public.auto_topups;
begin
  if p_enabled is null or p_threshold is null or p_threshold not between 1 and 1000000000 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "threshold"}',
      hint = 'threshold is a number of credits from 1 to 1000000000, and enabled true or false.';
  end if;
  if not p_enabled then -- before the wallet: payments are locked first
    update public.payments x set status = 'failed', check_at = null, updated_at = private.clock()
    where x.user_id = v_user_id and x.kind = 'auto_topup' and x.status = 'pending';
  end if;
  w := private.lock_wallet(private.ensure_account(v_user_id));
  select case when p_enabled then c.amount_cents else 1 end into v_least from public.credit_packages c where c.id = p_package_id and (c.active or not p_enabled);
  if not found then
    raise exception using errcode = 'PT404', message = 'package_not_found', detail = jsonb_build_object('package_id', p_package_id)::text,
      hint = 'There is no such package, or it is not sold any more.';
  end if;
  if p_monthly_cap_cents is null or p_monthly_cap_cents not between v_least and 99999999 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "monthly_cap_cents"}',
      hint = format('monthly_cap_cents is at least the price of the package, %s, and at most 99999999.', v_least);
  end if;
  insert into public.auto_topups as x (wallet_id, user_id, enabled, threshold, package_id, monthly_cap_cents, due_at, updated_at)
  values (w.id, v_user_id, p_enabled, p_threshold, p_package_id, p_monthly_cap_cents,
    case when w.balance - w.held < p_threshold then private.clock() end, private.clock())
  on conflict (wallet_id) do update
  set enabled = excluded.enabled, threshold = excluded.threshold, package_id = excluded.package_id, due_at = excluded.due_at,
      monthly_cap_cents = excluded.monthly_cap_cents, declines = 0, stopped_reason = null, updated_at = excluded.updated_at,
      not_before = (select max(p.created_at) + interval '10 minutes' from public.payments p where p.wallet_id = x.wallet_id and p.kind = 'auto_topup')
  returning * into a;
  perform private.watch_threshold(w.id, case when p_enabled then p_threshold end);
  return private.auto_topup_json(a);
end
$$;

create or replace function public.set_auto_topup(p_enabled boolean, p_threshold bigint, p_package_id text, p_monthly_cap_cents bigint)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.set_auto_topup(p_enabled, p_threshold, p_package_id, p_monthly_cap_cents);
end
$$;

revoke all on function private.set_auto_topup(boolean, bigint, text, bigint), public.set_auto_topup(boolean, bigint, text, bigint)
  from public, anon, authenticated, service_role;
grant execute on function private.set_auto_topup(boolean, bigint, text, bigint), public.set_auto_topup(boolean, bigint, text, bigint)
  to authenticated;
