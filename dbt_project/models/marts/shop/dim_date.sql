with days as (
    select day::date as event_date
    from generate_series(timestamp '2000-01-01', timestamp '2049-12-31', interval '1 day') as series (day)
),

final as (
    select
        event_date,
        extract(year from event_date)::integer as year,
        extract(quarter from event_date)::integer as quarter,
        extract(month from event_date)::integer as month,
        to_char(event_date, 'FMMonth') as month_name,
        extract(isoyear from event_date)::integer as iso_year,
        extract(week from event_date)::integer as iso_week,
        extract(day from event_date)::integer as day_of_month,
        extract(isodow from event_date)::integer as day_of_week,
        to_char(event_date, 'FMDay') as day_name,
        extract(isodow from event_date) >= 6 as is_weekend
    from days
)

select * from final
