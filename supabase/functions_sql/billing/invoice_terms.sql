-- invoice_terms(p_lines) -> record      called by: adopt_invoice, book_invoice
-- What an invoice sells. A line for a period as a whole gives its plan's credits. Lines for a change within a period follow the money, each
-- by the share of its plan's price that it charges or charges back, and are added up: above zero they give too, below it they take.
-- problem: a line that we do not sell, or not at this price.
create or replace function private.invoice_terms(
  p_lines jsonb, out credits bigint, out taken_credits bigint, out plan_id text, out whole_period boolean, out period_start timestamptz,
  out period_end timestamptz, out problem text)
language sql
stable
set search_path = ''
as $$
  with lines as (
    select v.plan_id, v.credits::numeric * (x ->> 'amount_cents')::bigint / v.amount_cents as credits, v.amount_cents as full_cents,
      (x ->> 'amount_cents')::bigint as amount_cents, v.currency = x ->> 'currency' as same_currency, not (x ->> 'proration')::boolean as whole,
      (x ->> 'period_start')::timestamptz as period_start, (x ->> 'period_end')::timestamptz as period_end
    from jsonb_array_elements(p_lines) x left join private.plan_prices v on v.stripe_price_id = x ->> 'price_id'
  ), main as ( -- the line that tells what the invoice is for: a period as a whole, else the new plan's share
    select l.* from lines l where l.amount_cents >= 0 order by l.whole desc, l.period_end desc limit 1
  ), sums as (
    select coalesce(round(sum(l.credits) filter (where l.whole)), 0)::bigint as given,
      coalesce(round(sum(l.credits) filter (where not l.whole)), 0)::bigint as difference,
      case
        when not coalesce(bool_and(l.plan_id is not null), false) then 'unknown_price'
        when not bool_and(l.same_currency) then 'wrong_currency'
        when not bool_and(not l.whole or l.amount_cents in (0, l.full_cents)) then 'wrong_amount'
      end as problem
    from lines l
  )
  select s.given + greatest(0, s.difference), greatest(0, -s.difference), m.plan_id, coalesce(m.whole, false), m.period_start, m.period_end,
    s.problem
  from sums s left join main m on true;
$$;

revoke all on function private.invoice_terms(jsonb) from public, anon, authenticated, service_role;
