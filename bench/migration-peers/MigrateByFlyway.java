import org.flywaydb.core.Flyway;
class MigrateByFlyway {
  public static void main(String[] args) {
    Flyway.configure().dataSource(args[0], args[1], System.getenv("MYSQL_PWD"))
      .locations("filesystem:" + args[2]).load().migrate();
  }
}
