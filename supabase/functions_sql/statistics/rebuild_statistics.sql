-- rebuild_statistics() -> void      called by: operators
-- Empties the roll-ups; the scheduler then counts all raw rows anew, a portion at a time. Until it has, answers say complete: false.
create or replace function public.rebuild_statistics()
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform from private.statistics_cursor for update;
  delete from private.daily_credits where true;
  delete from private.daily_generations where true;
  delete from private.daily_revenue where true;
  delete from private.monthly_buyers where true;
  delete from private.active_wallets where true;
  delete from private.active_counts where true;
  update private.statistics_cursor set ledger_uncounted = default, payments_uncounted = default, generations_until = default where true;
end
$$;

revoke all on function public.rebuild_statistics() from public, anon, authenticated, service_role;
grant execute on function public.rebuild_statistics() to service_role;
